"""Notebooks of our own making, with stored outputs."""
import nbformat
from nbformat import v4


def said(text, name="stdout"):
    return v4.new_output("stream", name=name, text=text)


def returned(text, **data):
    return v4.new_output("execute_result", execution_count=1,
                         data={**({"text/plain": text} if text is not None else {}), **data})


def shown(**data):
    return v4.new_output("display_data", data=data)


def raised(name, value):
    return v4.new_output("error", ename=name, evalue=value, traceback=[])


def cell(code, *outputs):
    """A cell; of an output that is a text, one that was printed."""
    return v4.new_code_cell(code, outputs=[
        said(output) if isinstance(output, str) else output for output in outputs])


def written(path, *cells):
    """A file of cells; of those that are texts or pairs, of such code and outputs."""
    made = [cell(*given) if isinstance(given, tuple) else cell(given) if isinstance(given, str)
            else given for given in cells]
    nbformat.write(v4.new_notebook(cells=made), path)
    return str(path)
