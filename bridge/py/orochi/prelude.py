"""`from orochi.prelude import *`: the package's names and those of typing that modules in the seed's style use."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Dict, List, Optional, Union

from . import *  # noqa: F401,F403
