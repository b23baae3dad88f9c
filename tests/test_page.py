"""In the page of a notebook nothing is live that came from it, in a real Chromium."""
import base64
import io

import matplotlib
import nbformat
import pytest
from chromium import chromium, needed
from made import cell, raised, returned, said, shown
from matplotlib.figure import Figure
from nbformat import v4
from selenium.webdriver.common.by import By

from d2l_linreg.originals.page import to_page

LIVE = "document.documentElement.setAttribute('data-live', '{}'); alert(1)"


def attacks(where):
    """HTML that would run a script, in many ways."""
    run = LIVE.format(where)
    return (f'<script>{run}</script><img src="x" onerror="{run}"><svg onload="{run}"><script>{run}'
            f'</script></svg><iframe srcdoc="<script>parent.{run}</script>"></iframe>'
            f'<a href="javascript:{run}" class="click">go</a><a href="java&#10;script:{run}" '
            f'class="click">go</a><a href="data:text/html,<script>{run}</script>" class="click">go'
            f'</a><body onload="{run}"><details open ontoggle="{run}">d</details><math><mtext>'
            f'<style><img src="x" onerror="{run}"></style></mtext></math><object data="data:text/'
            f'html,<script>{run}</script>"></object><form><button formaction="javascript:{run}" '
            f'class="click">b</button></form><noscript><p title="</noscript><img src=x onerror='
            f'{run}>"></noscript><!--><img src=x onerror={run}>--><meta http-equiv="refresh" '
            f'content="0;url=javascript:{run}"><base href="http://127.0.0.1:9/">')


def picture(kind):
    figure, content = Figure(figsize=(2, 1)), io.BytesIO()
    figure.subplots().plot([1, 2])
    with matplotlib.rc_context({"svg.hashsalt": "0"}):
        figure.savefig(content, format=kind)
    return content.getvalue()


@pytest.mark.parametrize("outputs", ["!", [1], {"a": 1}, None])
@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_what_is_called_outputs_in_a_cell_that_has_none_is_passed_over(kind, outputs):
    text = v4.new_markdown_cell("here") if kind == "markdown" else v4.new_raw_cell("here")
    notebook = v4.new_notebook(cells=[text, cell("1", returned("1"))])
    notebook.cells[0]["outputs"] = outputs
    assert b"here" in to_page(notebook)


@pytest.fixture(scope="module")
def hostile():
    """A notebook whose every part would run a script."""
    png = base64.b64encode(picture("png")).decode()
    run = LIVE.format("type")
    svg = picture("svg").decode().replace("<defs>", f"<script>{run}</script><defs>", 1)
    book = v4.new_notebook(cells=[
        v4.new_markdown_cell("# Title\n\nWords, **bold**.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
                             + attacks("markdown") + f"\n\n[link](javascript:{run})\n\n"
                             f'```"><script>{run}</script>\nx\n```\n'),
        v4.new_raw_cell(attacks("raw")),
        cell(f"print('{attacks('source')}')", said(attacks("stdout")), said("\x1b]8;;javascript:1"
             "\x07x\x1b[31mred</pre>" + attacks("ansi"), "stderr"), raised("E", attacks("error"))),
        cell("1", returned("x", **{"text/html": attacks("html") + "<table><thead><tr><th>h</th>"
             "</tr></thead><tbody><tr><td>cell of a table</td></tr></tbody></table>"})),
        cell("2", *(shown(**{kind: attacks(kind)}) for kind in (
            "text/markdown", "text/latex", "text/vnd.mermaid", "text/x")),
             shown(**{"application/javascript": run}),
             shown(**{"application/vnd.jupyter.widget-view+json": {"model_id": attacks("w")}})),
        cell("3", shown(**{"image/svg+xml": svg}), shown(**{"image/png": png}),
             shown(**{"image/png": f'{png}"><script>{run}</script>'}),
             shown(**{"image/jpeg": f'x" onerror="{run}'}))])
    book.cells[5].outputs[1].metadata = nbformat.from_dict(
        {"image/png": {"width": f"1 onerror={run}", "height": 50}})
    book.cells[4].metadata = nbformat.from_dict({"tags": [f'"><script>{run}</script>']})
    book.metadata = nbformat.from_dict({
        "title": f"</title><script>{run}</script>", "language_info": {
            "name": "python", "pygments_lexer": f'"><script>{run}</script>'},
        "widgets": {"application/vnd.jupyter.widget-state+json": {
            "state": {"a": f"</script><script>{run}</script>"}, "version_major": 2}}})
    return book


@needed
def test_nothing_in_the_page_is_live_and_pictures_and_tables_show(hostile, tmp_path):
    before = nbformat.from_dict(hostile)
    (tmp_path / "book.html").write_bytes(to_page(hostile))
    assert hostile == before
    with chromium(tmp_path, "--host-resolver-rules=MAP * ~NOTFOUND") as browser:
        browser.get((tmp_path / "book.html").as_uri())
        for _ in range(2):
            assert browser.execute_script(
                "return document.documentElement.getAttribute('data-live')") is None
            for link in browser.find_elements(By.CSS_SELECTOR, ".click, a[href]"):
                browser.execute_script("arguments[0].target = ''; arguments[0].click()", link)
        assert browser.current_url.startswith("file:")
        pictures = browser.execute_script(
            "return [...document.images].map(p => [p.src.slice(0, 14), p.naturalWidth])")
        assert ["data:image/svg", 192] in pictures and ["data:image/png", 200] in pictures, [
            picture for picture in pictures if picture[0].startswith("data")]
        assert "cell of a table" in [td.text for td in browser.find_elements(By.TAG_NAME, "td")]
        assert [h.text.strip("¶") for h in browser.find_elements(By.TAG_NAME, "h1")] == ["Title"]
        assert browser.find_elements(By.TAG_NAME, "strong")[0].text == "bold"
        handlers = browser.execute_script(
            "return [...document.querySelectorAll('*')].flatMap(e => [...e.attributes].filter(a =>"
            " a.name.startsWith('on') || /^\\s*javascript:/i.test(a.value)).map(a => a.name))")
        assert handlers == []
        assert browser.find_elements(By.CSS_SELECTOR, "iframe, object, form, base, embed") == []


def test_half_a_surrogate_pair_makes_a_page_too():
    assert b"\\ud800" in to_page(v4.new_notebook(cells=[cell("1", said("a\ud800b"))]))
