"""Roles by the name that the settings give."""

from livegen.engine.role_accompany import ACCOMPANY
from livegen.engine.role_harmonise import HARMONISE
from livegen.engine.role_respond import RESPOND
from livegen.engine.role_solo import SOLO

ROLES = {"respond": RESPOND, "accompany": ACCOMPANY, "harmonise": HARMONISE, "solo": SOLO}
