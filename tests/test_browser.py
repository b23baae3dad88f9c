"""Our notebooks in a real JupyterLab in a real Chromium: open, Run > Run All Cells, look."""
import io
import json
import os
import shutil
import site
import subprocess
import sys
import time

import matplotlib.image
import nbformat
import psutil
import pytest
from ipykernel.kernelspec import write_kernel_spec
from matplotlib.colors import to_rgb

pytest.importorskip("jupyterlab", reason="JupyterLab is not installed (the extra needs Python 3.9)")
pytest.importorskip("selenium", reason="selenium is not installed (the extra needs Python 3.9)")
from selenium import webdriver
from selenium.common import exceptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from test_notebooks import FOLDER, NOTEBOOKS, code_cells, other_outputs, printed

from d2l_linreg.reproduction.environment import shortfalls

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser",
                                                "google-chrome"))), None)
CHROMEDRIVER = shutil.which("chromedriver")
CHROMIUM_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                  "--no-first-run", "--disable-background-networking",
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
# JupyterLab redraws its page now and then, under our hands: try again.
REDRAWN = (exceptions.StaleElementReferenceException, exceptions.ElementNotInteractableException,
           exceptions.ElementClickInterceptedException)


def end(processes):
    """Wait for processes that were told to stop; kill those that do not."""
    for process in psutil.wait_procs(processes, timeout=30)[1]:
        process.kill()


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
        server = psutil.Popen([sys.executable, "-m", "jupyterlab"] + list(LAB_FLAGS),
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
            end(kernels + [server])


@pytest.fixture
def browser(tmp_path, name):
    """A headless Chromium; what it shows in the end is saved as a picture."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in CHROMIUM_FLAGS + ("--user-data-dir={}".format(tmp_path / "chromium"),):
        options.add_argument(flag)
    service = Service(CHROMEDRIVER, env=dict(os.environ, HOME=str(tmp_path)))
    browser = webdriver.Chrome(options=options, service=service)
    processes = psutil.Process(service.process.pid).children(recursive=True)
    try:
        yield browser
        for folder in {str(tmp_path), os.environ.get("SCREENSHOTS", str(tmp_path))}:
            os.makedirs(folder, exist_ok=True)
            browser.save_screenshot(os.path.join(folder, name + ".png"))
    finally:
        browser.quit()
        end(processes)


@pytest.mark.skipif(bool(shortfalls()), reason=" ".join(shortfalls()))
@pytest.mark.skipif(not (CHROMIUM and CHROMEDRIVER), reason="Chromium and chromedriver are not "
                    "both on PATH (Debian: apt-get install chromium chromium-driver).")
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_run_all_in_jupyterlab_gives_the_stored_outputs(name, lab, browser):
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

    stored = nbformat.read(str(FOLDER / (name + ".ipynb")), as_version=4)
    fresh = nbformat.from_dict(stored)
    for cell in code_cells(fresh):
        cell.update(outputs=[], execution_count=None)
    folder, address = lab
    copy = folder / (name + ".ipynb")
    nbformat.write(fresh, str(copy))

    browser.get(address.format(copy.name))
    wait_for(idle)
    choose("Run", "Run All Cells")
    all_run = ["[%d]:" % (number + 1) for number in range(len(code_cells(stored)))]
    wait_for(lambda: complaints() or (prompts() == all_run and idle()))
    assert not complaints()
    choose("File", "Save Notebook")
    wait_for(lambda: all(cell.execution_count for cell in code_cells(
        nbformat.read(str(copy), as_version=4))))

    saved = nbformat.read(str(copy), as_version=4)
    shown = find(".jp-Notebook .jp-CodeCell")
    for was, now, seen in zip(code_cells(stored), code_cells(saved), shown):
        assert printed(now) == printed(was)
        assert other_outputs(now) == other_outputs(was)
        assert "".join(text.get_property("textContent")
                       for text in find(OUTPUT.format("stdout"), within=seen)) == printed(was)

    picture, = find(".jp-RenderedSVG img, .jp-RenderedImage img")
    pixels = matplotlib.image.imread(io.BytesIO(picture.screenshot_as_png))[..., :3]
    blue = (abs(pixels - to_rgb("C0")) < 0.1).all(axis=2)
    assert blue.mean() > 0.01  # d2l 3 %, straight_dope 16 %; empty axes have none
