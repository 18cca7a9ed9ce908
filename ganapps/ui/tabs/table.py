"""All tabs, in the order in which the window shows them."""

from __future__ import annotations

from ganapps.ui.parts.tab import Tab
from ganapps.ui.tabs.compare import CompareTab
from ganapps.ui.tabs.faces import FacesTab
from ganapps.ui.tabs.translate import TranslateTab
from ganapps.ui.tabs.upscale import UpscaleTab

TABS: tuple[type[Tab], ...] = (FacesTab, UpscaleTab, TranslateTab, CompareTab)
