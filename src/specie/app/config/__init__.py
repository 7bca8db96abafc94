"""What can be set (``model``), where values come from (``layers``), how they are changed (``edit``)."""

from specie.app.config.layers import Loaded, Places, load
from specie.app.config.model import SYSTEMS, Config, SystemSettings

__all__ = ["SYSTEMS", "Config", "Loaded", "Places", "SystemSettings", "load"]
