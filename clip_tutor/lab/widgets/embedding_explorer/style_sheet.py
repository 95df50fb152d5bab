"""How the map looks, as one style sheet, which also carries the thumbnails."""

from clip_tutor.lab.plots.style import FAINT, INK, MUTED
from clip_tutor.lab.widgets.embedding_explorer.page import HEIGHT, WIDTH
from clip_tutor.lab.widgets.embedding_explorer.points import Points


def style_sheet(name: str, points: Points) -> str:
    """Return the CSS of one map, under the class ``name``: with it the thumbnails travel, once."""
    card = 288  # pixels
    return f"""<style>
.{name} {{ --sheet:url({points.sheet}); }}
.{name} .t {{ background-image:var(--sheet); background-size:calc({points.columns} * var(--s));
  background-position:calc(var(--c) * var(--s) * -1) calc(var(--r) * var(--s) * -1); }}
.{name} .kit-surface i::before {{ background-image:var(--sheet); background-size:{96 * points.columns}px;
  background-position:calc(var(--c) * -96px) calc(var(--r) * -96px); }}
.{name}, .{name} .widget-box, .{name} .kit-stage, .{name} .kit-stage > * {{ overflow:visible; }}
.{name} .kit-left {{ flex:0 1 720px; width:min(100%, 720px); }}
.{name} .kit-stage {{ position:relative; width:100%; }}
.{name} .kit-stage > * {{ margin:0; width:100%; height:auto; }}
.{name} .kit-side > * {{ width:auto; }}
.{name} .kit-stage .widget-html-content {{ width:100%; height:auto; line-height:1.35; }}
.{name} .kit-above {{ position:absolute; left:0; bottom:0; pointer-events:none; }}
.{name} .kit-surface, .{name} .kit-overlay {{ position:relative; width:100%; aspect-ratio:{WIDTH}/{HEIGHT}; }}
.{name} .kit-surface {{ background:#FCFCFB; border:1px solid {FAINT}; border-radius:8px; box-sizing:border-box;
  cursor:crosshair; touch-action:none; user-select:none; }}
.{name} .kit-surface i {{ position:absolute; box-sizing:border-box; outline:1.5px solid var(--k); cursor:pointer; }}
.{name} .kit-surface i.t {{ width:var(--s); height:var(--s); margin:calc(var(--s) / -2) 0 0 calc(var(--s) / -2);
  border-radius:3px; }}
.{name} .kit-surface i.d {{ width:9px; height:9px; margin:-4.5px 0 0 -4.5px; border-radius:50%; background:var(--k);
  outline:1px solid white; }}
.{name} .kit-surface i.f {{ opacity:.12; }}
.{name} .kit-surface i:hover, .{name} .kit-surface i:focus, .{name} .kit-surface i.mate {{ z-index:5; opacity:1;
  outline:3px solid {INK}; }}
.{name} .kit-surface i:hover {{ z-index:7; }}
.{name} .kit-surface i::before, .{name} .kit-surface i::after {{ display:none; position:absolute;
  pointer-events:none; }}
.{name} .kit-surface i:hover::before, .{name} .kit-surface i:focus::before {{ display:block; content:""; z-index:2;
  width:96px; height:96px; border-radius:5px; left:calc(100% + 16px); top:calc(100% + 16px); }}
.{name} .kit-surface i:hover::after, .{name} .kit-surface i:focus::after {{ display:block; content:attr(aria-label);
  z-index:1; left:calc(100% + 8px); top:calc(100% + 8px); box-sizing:border-box; width:{card}px; min-height:112px;
  padding:12px 12px 12px 116px; background:white; color:{INK}; border:1px solid #B8BBC0; border-radius:8px;
  box-shadow:0 4px 14px #0003; font:13px/1.35 sans-serif; white-space:normal; overflow-wrap:anywhere; }}
.{name} .kit-surface i.r:hover::after, .{name} .kit-surface i.r:focus::after {{ left:auto; right:calc(100% + 8px); }}
.{name} .kit-surface i.r:hover::before, .{name} .kit-surface i.r:focus::before {{ left:auto;
  right:calc(100% + {card - 96}px); }}
.{name} .kit-surface i.b:hover::after, .{name} .kit-surface i.b:focus::after {{ top:auto; bottom:calc(100% + 8px); }}
.{name} .kit-surface i.b:hover::before, .{name} .kit-surface i.b:focus::before {{ top:auto;
  bottom:calc(100% + 16px); }}
.{name} .kit-surface:has(i:hover) i:focus:not(:hover)::before,
.{name} .kit-surface:has(i:hover) i:focus:not(:hover)::after {{ display:none; }}
.{name} .kit-box, .{name} .kit-rubber {{ position:absolute; box-sizing:border-box; pointer-events:none;
  border:2px dashed {INK}; background:#26282B0D; border-radius:4px; }}
.{name} .kit-overlay {{ overflow:hidden; border-radius:8px; }}
.{name} .kit-ring {{ position:absolute; box-sizing:border-box; width:34px; height:34px; margin:-17px 0 0 -17px;
  border:3px solid {INK}; border-radius:50%; }}
.{name} .kit-ring.kit-mate {{ border-style:dotted; }}
.{name} .kit-tie {{ position:absolute; inset:0; width:100%; height:100%; pointer-events:none; }}
.{name} .kit-tie line {{ stroke:{INK}; stroke-width:1.5; stroke-dasharray:4 3; }}
.{name} .kit-legend {{ display:flex; flex-wrap:wrap; gap:3px 14px; align-items:center; min-height:24px;
  padding:2px 0 6px; font-size:12px; }}
.{name} .kit-said {{ margin-left:auto; color:{MUTED}; }}
.{name} .kit-card, .{name} .kit-list {{ font-size:13px; line-height:1.4; }}
.{name} .kit-card {{ border-bottom:1px solid {FAINT}; padding-bottom:8px; margin-bottom:8px; }}
.{name} .kit-facts {{ display:inline-block; vertical-align:top; width:calc(100% - 112px); margin:0 0 8px 10px; }}
.{name} .kit-still {{ display:inline-block; width:var(--s); height:var(--s); border-radius:5px; }}
.{name} .kit-tiles {{ display:flex; flex-wrap:wrap; gap:5px; margin:5px 0; }}
.{name} .kit-near {{ display:inline-flex; flex-direction:column; align-items:center; }}
.{name} ul {{ margin:4px 0; padding-left:18px; }}
.{name} small {{ color:{MUTED}; }}
.{name} .kit-side {{ flex:1 1 280px; min-width:260px; max-width:420px; padding-left:14px; box-sizing:border-box; }}
.{name} .kit-unseen {{ display:none; }}
</style>"""
