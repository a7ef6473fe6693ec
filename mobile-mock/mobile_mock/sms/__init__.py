"""A mock SMS gateway, and the screen that shows what the phones of the demo's people got."""

from mobile_mock.sms.gateway import gateway
from mobile_mock.sms.screen import Screen, Text

__all__ = ["Screen", "Text", "gateway"]
