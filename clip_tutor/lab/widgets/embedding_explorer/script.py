"""A few lines for the mouse: a drag over the map draws the box, a click chooses a point, hovering shows its pair.

They stand in the event attributes of the map's surface, the one kind of script that a core HTML widget runs, and tell
the kernel what happened through a text field that nobody sees. Where a front end takes them out, everything else works:
hover cards are CSS, and every choice has a control of its own.
"""

import json
from html import escape
from typing import NamedTuple

# Percent of the stage; `this` is the surface.
_PLACE = "const r=this.getBoundingClientRect(),at=e=>[(e.clientX-r.left)/r.width*100,(e.clientY-r.top)/r.height*100]"
_TELL = (
    "const tell=said=>{const field=this.closest('.kit-map').querySelector('.kit-unseen input');if(!field)return;"
    "said.at=Date.now();field.value=JSON.stringify(said);"
    "for(const kind of ['input','change'])field.dispatchEvent(new Event(kind,{bubbles:true}))}"
)
_ON = {
    "onpointerdown": f"{_PLACE};if(event.button)return;this.from=at(event);this.start=event.target.dataset.n",
    "onpointermove": (
        f"{_PLACE};if(!this.from)return;const to=at(event),a=this.from;"
        "if(!this.band&&Math.hypot(to[0]-a[0],to[1]-a[1])<1.2)return;"
        "if(!this.band){this.band=document.createElement('div');this.band.className='kit-rubber';"
        "this.append(this.band);this.setPointerCapture(event.pointerId)}"
        "Object.assign(this.band.style,{left:Math.min(a[0],to[0])+'%',top:Math.min(a[1],to[1])+'%',"
        "width:Math.abs(to[0]-a[0])+'%',height:Math.abs(to[1]-a[1])+'%'})"
    ),
    "onpointerup": (
        f"{_PLACE};{_TELL};const a=this.from,to=at(event);if(!a)return;this.from=null;"
        "if(this.band){this.band.remove();this.band=null;tell({box:[a[0],to[0],a[1],to[1]]})}"
        "else if(this.start!==undefined)tell({row:Number(this.start)})"
    ),
    "onpointercancel": "this.from=null;if(this.band){this.band.remove();this.band=null}",
    "onpointerover": (
        "const n=event.target.dataset.n;this.querySelectorAll('.mate').forEach(m=>m.classList.remove('mate'));"
        "if(n===undefined)return;const N=Number(this.dataset.pairs);"
        "const mate=this.querySelector('[data-n=\"'+(Number(n)+N)%(2*N)+'\"]');if(mate)mate.classList.add('mate')"
    ),
}


def with_mouse(html: str) -> str:
    """Return the map's HTML with these handlers on its surface."""
    handlers = " ".join(f'{event}="{escape(code)}"' for event, code in _ON.items())
    return html.replace('<div class="kit-surface"', f'<div class="kit-surface" {handlers}', 1)


class Said(NamedTuple):
    """What the mouse did: a row that was clicked, or the box that was drawn, in percent of the stage."""

    row: int | None = None
    box: tuple[float, float, float, float] | None = None  # left, right, top, bottom


def read(message: str, rows: int) -> Said:
    """Return what a message from the page says; one that says nothing of use is empty."""
    try:
        said = json.loads(message)
        if "row" in said and 0 <= int(said["row"]) < rows:
            return Said(row=int(said["row"]))
        x0, x1, y0, y1 = (min(max(float(value), 0.0), 100.0) for value in said["box"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return Said()
    return Said(box=(min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)))
