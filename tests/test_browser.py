"""Our notebooks in a real JupyterLab in a real Chromium: open, Run > Run All Cells, look."""
import io
import json
import os
import site
import subprocess
import sys
import time

import matplotlib.image
import nbformat
import psutil
import pytest
from chromium import chromium, end, needed
from exact import exact_here
from ipykernel.kernelspec import write_kernel_spec
from matplotlib.colors import to_rgb
from selenium.common import exceptions
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from stored import code_cells, folded, not_yet_run, other_outputs, pictures, printed, stored

CHROMIUM_FLAGS = ("--disable-quic", "--no-first-run", "--disable-background-networking",
                  "--disable-component-update", "--disable-sync", "--window-size=1400,3800")
LAB_FLAGS = ("--no-browser", "--ip=127.0.0.1", "--allow-root",
             "--LabApp.extension_manager=readonly")  # the other kind asks PyPI
LAB_SETTINGS = {
    # The page is asked for every cell, so all must be in it, not only those in view.
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
DEADLINE = 180  # seconds, for each thing waited for
OUTPUT = ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.{}']"
SVG, PIXELS = ".jp-RenderedSVG img", ".jp-RenderedImage img"
SHUT = ".jp-Notebook .jp-{}Placeholder"  # stands where a cell's Input or Output is folded away
# JupyterLab redraws its page now and then, under our hands: try again.
REDRAWN = (exceptions.StaleElementReferenceException, exceptions.ElementNotInteractableException,
           exceptions.ElementClickInterceptedException)


@pytest.fixture
def lab(tmp_path):
    """A JupyterLab that neither reads nor writes what is the user's; its folder and address."""
    folder, log, runtime = tmp_path / "notebooks", tmp_path / "lab.log", tmp_path / "runtime"
    folder.mkdir()
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("JUPYTER", "IPYTHON", "MPL", "XDG_"))}
    environment.update(
        HOME=str(tmp_path), PYTHONUSERBASE=site.getuserbase(), JUPYTER_RUNTIME_DIR=str(runtime),
        JUPYTER_CONFIG_DIR=str(tmp_path / "config"), JUPYTER_PATH=str(tmp_path / "share"))
    # The kernel is the Python that runs this, whatever others are installed.
    write_kernel_spec(str(tmp_path / "share" / "kernels" / "python3"))
    for name, values in LAB_SETTINGS.items():
        path = tmp_path / "config/lab/user-settings/@jupyterlab" / (name + ".jupyterlab-settings")
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values))
    # Matplotlib lists the fonts at its first import, and may say so: then not in a cell.
    subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], env=environment,
                   check=True)
    with log.open("w") as stream:
        server = psutil.Popen([sys.executable, "-m", "jupyterlab", *LAB_FLAGS],
                              cwd=str(folder), env=environment, stdout=stream, stderr=stream)
    try:
        # JupyterLab finds a free port, makes up a token and notes both in jpserver-PID.json;
        # when that is written, it writes jpserver-PID-open.html.
        give_up = time.monotonic() + DEADLINE
        while not list(runtime.glob("jpserver-*-open.html")):
            assert server.poll() is None and time.monotonic() < give_up, log.read_text()
            time.sleep(0.1)
        note, = runtime.glob("jpserver-*.json")
        yield folder, "{url}lab/tree/{{}}?token={token}".format(**json.loads(note.read_text()))
    finally:
        if server.is_running():
            kernels = server.children(recursive=True)
            server.terminate()
            end([*kernels, server])


@pytest.fixture
def browser(tmp_path, notebook):
    """A Chromium; what it shows in the end is saved as a picture."""
    with chromium(tmp_path, *CHROMIUM_FLAGS) as browser:
        yield browser
        for folder in {str(tmp_path), os.environ.get("SCREENSHOTS", str(tmp_path))}:
            os.makedirs(folder, exist_ok=True)
            browser.save_screenshot(os.path.join(folder, notebook + ".png"))


@exact_here
@needed
def test_run_all_in_jupyterlab_gives_the_stored_outputs(notebook, lab, browser):
    def wait_for(condition):
        WebDriverWait(browser, DEADLINE, ignored_exceptions=REDRAWN).until(lambda _: condition())

    def find(selector, within=browser):
        return within.find_elements(By.CSS_SELECTOR, selector)

    def choose(menu, item):
        def click():
            browser.find_element(
                By.XPATH, f"//*[contains(@class, 'lm-MenuBar-itemLabel') and .='{menu}']").click()
            browser.find_element(
                By.XPATH, "//li[not(contains(@class, 'lm-mod-disabled'))]"
                f"/*[contains(@class, 'lm-Menu-itemLabel') and .='{item}']").click()
            return True
        wait_for(click)

    def idle():
        return "| Idle" in browser.find_element(By.ID, "jp-main-statusbar").text

    def complaints():
        return [output.text for kind in ("error", "stderr")
                for output in find(OUTPUT.format(kind))]

    def prompts():
        return [prompt.text for prompt in find(".jp-Notebook .jp-CodeCell .jp-InputPrompt")]

    def see(name, document):
        nbformat.write(document, str(folder / name))
        browser.get(address.format(name) + "&reset")
        wait_for(idle)
        return folder / name

    def opened(item):
        def none_is_shut():
            choose("View", item)
            return not find(SHUT.format("Output" if "Output" in item else "Input"))
        wait_for(none_is_shut)

    before = stored(notebook)
    folder, address = lab
    answers = [cell for cell in code_cells(before) if folded(cell)]

    # As it comes, and nobody has said that it is to be trusted
    see("untrusted.ipynb", before)
    wait_for(lambda: len(find(PIXELS)) == len(pictures(before)) and not find(SVG))
    assert all(int(picture.get_property("naturalWidth")) for picture in find(PIXELS))
    assert len(find(SHUT.format("Input"))) == len(find(SHUT.format("Output"))) == len(answers)
    for words in find(".jp-Notebook details"):
        answer = find("p", within=words)[0]
        assert not answer.is_displayed()
        find("summary", within=words)[0].click()
        assert answer.is_displayed()
    assert len(find(".jp-Notebook details[open]")) == len(answers)

    copy = see(notebook + ".ipynb", not_yet_run(before))
    opened("Expand All Code")
    opened("Expand All Outputs")
    choose("Run", "Run All Cells")
    all_run = [f"[{number}]:" for number, _ in enumerate(code_cells(before), 1)]
    wait_for(lambda: complaints() or (prompts() == all_run and idle()))
    assert not complaints()
    choose("File", "Save Notebook")
    wait_for(lambda: all(cell.execution_count for cell in code_cells(
        nbformat.read(str(copy), as_version=4))))

    saved = nbformat.read(str(copy), as_version=4)
    shown = find(".jp-Notebook .jp-CodeCell")
    for was, now, seen in zip(code_cells(before), code_cells(saved), shown, strict=True):
        assert printed(now) == printed(was)
        assert other_outputs(now) == other_outputs(was)
        assert "".join(text.get_property("textContent")
                       for text in find(OUTPUT.format("stdout"), within=seen)) == printed(was)

    # d2l's are drawn as SVG now that they are the reader's own
    found = find(SVG if notebook == "d2l" else PIXELS)
    assert len(found) == len(pictures(before)) == len(find(f"{SVG}, {PIXELS}"))
    pixels = matplotlib.image.imread(io.BytesIO(found[0].screenshot_as_png))[..., :3]
    blue = (abs(pixels - to_rgb("C0")) < 0.1).all(axis=2)
    assert blue.mean() > 0.01  # d2l 3 %, straight_dope 16 %; empty axes have none
