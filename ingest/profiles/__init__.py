"""The forms in which agencies really deliver, each read into the one record model without loss."""

from __future__ import annotations

from ingest.profiles.opening import Rooms, open_delivery, parts
from ingest.profiles.profile import Profiles
from ingest.profiles.trees import BadForm, ContentDamaged, FormDelivery

__all__ = ["BadForm", "ContentDamaged", "FormDelivery", "Profiles", "Rooms", "open_delivery", "parts"]
