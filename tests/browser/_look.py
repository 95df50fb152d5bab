from tests.browser.test_start_here import search_for, pictures


def test_look(open_notebook):
    nb = open_notebook("00_start_here")
    nb.page.set_viewport_size({"width": 1280, "height": 1000})
    nb.run_all()
    print(nb.problems())
    box = nb.panel.locator(".kit-search").first
    box.scroll_into_view_if_needed()
    box.get_by_role("button", name="a tiny rocket on a black background").click()
    nb.page.wait_for_timeout(800)
    nb.screenshot("look_button")
    for w in ("kitten", "a huge elephant", "two red hearts", ""):
        text = box.locator(".widget-text input").first
        text.click()
        text.press("ControlOrMeta+A")
        text.press("Backspace")
        if w:
            text.press_sequentially(w, delay=30)
        nb.page.wait_for_timeout(800)
        nb.screenshot("look_q_" + (w or "empty").replace(" ", "_"))
    names = nb.panel.locator(".kit-names").first
    names.scroll_into_view_if_needed()
    nb.screenshot("look_names")
    t = names.locator(".widget-text input").nth(0)
    t.click()
    t.press("ControlOrMeta+A")
    t.press_sequentially("one cat, two cats, three cats, four cats", delay=20)
    p = names.locator(".widget-text input").nth(1)
    p.click()
    p.press("ControlOrMeta+A")
    p.press_sequentially("{} on a blue background", delay=20)
    names.locator("select").select_option("three cats on a blue background")
    nb.page.wait_for_timeout(1500)
    nb.screenshot("look_names_edited")
    t.click()
    t.press("ControlOrMeta+A")
    t.press_sequentially("a", delay=20)
    nb.page.wait_for_timeout(800)
    nb.screenshot("look_names_one")
    cells = nb.panel.locator(".jp-Cell")
    n = cells.count()
    view = {"width": 1280, "height": 1700}
    nb.page.set_viewport_size(view)
    for k, i in enumerate(range(0, n, 5)):
        cells.nth(i).evaluate("e => e.scrollIntoView({block:'start'})")
        nb.page.wait_for_timeout(400)
        nb.page.screenshot(path=f"/tmp/nb/s{k:02}.png")
    print(nb.problems())
    assert nb.problems() == []
