"""The demo's number space."""

from typing import Final

from tokenization.number_space import NumberSpace

SPACE: Final = NumberSpace(("920890",), ("920891",), 36, "TGNB")
