"""How the demo looks: a grid that wraps, and a button over each thumbnail that shows itself to mouse and keyboard."""

# JupyterLab's and Voila's own colors where there are any, so that dark themes stay readable.
STYLE = """<style>
.kit-image-search { max-width: 1120px; overflow: visible; padding: 2px; }
.kit-image-search .widget-box { overflow: visible; }
.kit-image-search .kit-row { flex-flow: row wrap; align-items: center; gap: 4px 8px; margin: 2px 0; }
.kit-image-search .kit-words { flex: 1 1 280px; width: auto; max-width: 640px; min-width: 0; }
.kit-image-search .kit-amount { flex: 0 1 340px; width: auto; min-width: 0; }
.kit-image-search .kit-history { flex: 1 1 220px; width: auto; max-width: 560px; min-width: 0; }
.kit-image-search .kit-to-try { width: auto; border-radius: 14px; }
.kit-image-search .kit-line { line-height: 1.45; color: var(--jp-ui-font-color1, #26282B); }
.kit-image-search .kit-line p { margin: 4px 0; }
.kit-image-search .kit-quiet { color: var(--jp-ui-font-color2, #5F6368); }
.kit-image-search .kit-nothing { border-left: 4px solid #E69F00; padding: 4px 10px; margin: 4px 0;
  background: var(--jp-layout-color2, #F4F4F2); }
.kit-image-search summary { cursor: pointer; }
.kit-image-search .kit-query { display: flex; gap: 12px; align-items: center; line-height: 1.4; }
.kit-image-search .kit-query img { width: 72px; height: 72px; object-fit: cover; border-radius: 6px; }
.kit-image-search .kit-grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(144px, calc(50% - 6px)), 1fr));
  gap: 16px 12px; margin: 8px 2px 2px; }
.kit-image-search .kit-tile { position: relative; margin: 0; min-width: 0; }
.kit-image-search .kit-tile .widget-html, .kit-image-search .kit-tile .widget-html-content {
  width: 100%; margin: 0; line-height: 1.35; font-size: 12px; min-width: 0; }
.kit-image-search figure { margin: 0; }
.kit-image-search figure img, .kit-image-search .kit-missing { display: block; width: 100%; aspect-ratio: 1;
  object-fit: cover; border-radius: 8px; background: var(--jp-layout-color2, #F0F0EE); margin: 0;
  box-shadow: 0 0 0 1px rgba(128, 128, 128, 0.25); }
.kit-image-search .kit-missing { box-sizing: border-box; padding: 10px; overflow: auto; overflow-wrap: anywhere;
  color: #7F1D1D; background: #FDECEA; }
.kit-image-search figcaption { padding: 5px 2px 0; color: var(--jp-ui-font-color1, #26282B); }
.kit-image-search .kit-name { display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical;
  overflow: hidden; overflow-wrap: anywhere; }
.kit-image-search .kit-score, .kit-image-search .kit-remark { color: var(--jp-ui-font-color2, #5F6368); }
.kit-image-search .kit-score { font-variant-numeric: tabular-nums; }
.kit-image-search .kit-remark { font-style: italic; overflow-wrap: anywhere; }
.kit-image-search .kit-unfit img { opacity: 0.55; }
.kit-image-search .kit-more { position: absolute; top: 0; left: 0; z-index: 1; width: 100%; height: auto;
  aspect-ratio: 1; margin: 0; padding: 8px; border-radius: 8px; border: 0; background: transparent;
  color: transparent; box-shadow: none; cursor: pointer; display: flex; align-items: flex-end;
  justify-content: center; white-space: normal; line-height: 1.3; font-size: 12px; text-align: center; }
.kit-image-search .kit-more:hover, .kit-image-search .kit-more:focus-visible { color: white;
  background: linear-gradient(transparent 35%, rgba(0, 0, 0, 0.82)); }
.kit-image-search .kit-more:focus-visible { outline: 3px solid #0072B2; outline-offset: 1px; }
</style>"""
