"""A headless Chromium, where there is one."""
import contextlib
import os
import shutil

import psutil
import pytest
from selenium import webdriver

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser",
                                                "google-chrome"))), None)
CHROMEDRIVER = shutil.which("chromedriver")
needed = pytest.mark.skipif(
    not (CHROMIUM and CHROMEDRIVER), reason="Chromium and chromedriver are not both on PATH "
    "(Debian: apt-get install chromium chromium-driver).")


@contextlib.contextmanager
def chromium(home, *flags, **capabilities):
    """A browser that leaves nothing behind, neither files outside `home` nor processes."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={home}/chromium",
                 *flags):
        options.add_argument(flag)
    for name, value in capabilities.items():
        options.set_capability(f"goog:{name}", value)
    service = webdriver.ChromeService(CHROMEDRIVER, env=dict(os.environ, HOME=str(home)))
    browser = webdriver.Chrome(options=options, service=service)
    processes = psutil.Process(service.process.pid).children(recursive=True)
    try:
        yield browser
    finally:
        browser.quit()
        end(processes)


def end(processes):
    """Wait for processes that were told to stop; kill those that do not."""
    for process in psutil.wait_procs(processes, timeout=30)[1]:
        process.kill()
