"""Our notebooks as they are stored, and what is in their cells."""
from pathlib import Path

import nbformat

FOLDER = Path(__file__).parent.parent / "notebooks"


def stored(notebook):
    return nbformat.read(str(FOLDER / (notebook + ".ipynb")), as_version=4)


def not_yet_run(notebook):
    """A copy without outputs."""
    fresh = nbformat.from_dict(notebook)
    for cell in code_cells(fresh):
        cell.update(outputs=[], execution_count=None)
    return fresh


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def folded(cell):
    """Whether it is shut until a reader opens it."""
    return cell.metadata.get("jupyter", {}).get("source_hidden", False)


def prose(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def printed(cell):
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def other_outputs(cell):
    return [(output.output_type, sorted(output.get("data", {}))) for output in cell.outputs
            if output.output_type != "stream"]


def pictures(notebook):
    return [output.data for cell in code_cells(notebook) for output in cell.outputs
            if output.output_type in ("display_data", "execute_result")]
