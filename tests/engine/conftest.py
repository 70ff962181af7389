"""One thread for models this small: more only wait for each other, the more so when the machine is busy."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
