# What a type checker cannot see through __init__.py's lazy names
from . import d2l as d2l
from . import published as published
from . import straight_dope as straight_dope
from .compat import loading as loading
from .contexts import try_all_gpus as try_all_gpus
from .contexts import try_gpu as try_gpu
from .errors import ArgumentError as ArgumentError
from .errors import CheckpointError as CheckpointError
from .errors import ContextError as ContextError
from .errors import DataError as DataError
from .errors import DivergenceError as DivergenceError
from .originals.as_published import as_published as as_published
from .reproduction import reports as reports
from .reproduction.replication import replicate as replicate
from .reproduction.reproduce import reproduce as reproduce
from .training.result import TrainResult as TrainResult
from .training.train import train as train

__version__: str
