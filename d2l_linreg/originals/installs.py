"""Keeping a notebook from installing packages where it is run: in its kernel, line by line."""
import ast
import re
import shlex
from typing import Any

# pip, python -m pip, conda, apt and their like, by whatever path, with sudo or not
_INSTALLER = re.compile(
    r"\s*(\w+=\S*\s+)*(sudo\s+(-\S+\s+)*)?[\"']?([^\s;|&]*/)?"
    r"((pip|conda|mamba|micromamba|apt|apt-get|easy_install)[\d.]*(\.exe)?[\"']?"
    r"|uv\s+(pip|add|sync)"
    r"|(\{[^}]*\}|\$\w+|python[\d.]*(\.exe)?)[\"']?\s+(-\S+\s+)*-m\s+(pip|conda|uv|easy_install))"
    r"(\s|$)")
_MAGICS = ("pip", "conda", "mamba", "micromamba", "uv")
_SCRIPTS = ("bash", "sh", "script", "system", "sx", "!", "cmd")
NOT_RUN = "not run, as it may change what is installed (--allow-installs runs it): "


def refuse(shell: Any) -> None:
    """Have a kernel say, in place of each line that installs packages, that it is not run.

    That is lines for the shell that begin with an installer's name, in scripts, too, and the magics
    of those names. All else that a program can do, a notebook can do.

    Parameters
    ----------
    shell : IPython.core.interactiveshell.InteractiveShell
    """
    shell.ast_transformers.append(_Refusal())


class _Refusal(ast.NodeTransformer):
    """Finds calls of the shell's and of magics, which is what IPython makes of `!` and `%`."""

    def visit_Call(self, call: ast.Call) -> ast.AST:
        self.generic_visit(call)
        match call:
            case ast.Call(func=ast.Attribute(
                    value=ast.Call(func=ast.Name(id="get_ipython")), attr=method), args=arguments):
                words = [word.value for word in arguments
                         if isinstance(word, ast.Constant) and isinstance(word.value, str)]
            case _:
                return call
        match method, words:
            case ("system" | "getoutput" | "system_raw" | "system_piped", [command]) if (
                    _INSTALLER.match(command)):
                return _said("!" + command, call, lines=method == "getoutput")
            case "run_line_magic", [name, line] if name in _MAGICS or (
                    name in _SCRIPTS and _INSTALLER.match(line)):
                return _said(f"%{name} {line}", call)
            case "run_cell_magic", [name, _, cell] if name in _SCRIPTS:
                call.args[2] = ast.copy_location(ast.Constant("\n".join(
                    f"echo {shlex.quote(NOT_RUN + line.strip())}" if _INSTALLER.match(line)
                    else line for line in cell.split("\n"))), call)
        return call


def _said(command: str, call: ast.Call, lines: bool = False) -> ast.AST:
    """In place of a call, which may be of a list of `lines`."""
    code = f"print({NOT_RUN + command.strip()!r})"
    said = ast.parse(f"[{code}][:0]" if lines else code, mode="eval").body
    return ast.fix_missing_locations(ast.copy_location(said, call))
