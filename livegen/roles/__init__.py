"""Roles by the name that the settings give."""

from livegen.roles.accompany import ACCOMPANY
from livegen.roles.harmonise import HARMONISE
from livegen.roles.respond import RESPOND
from livegen.roles.solo import SOLO

ROLES = {"respond": RESPOND, "accompany": ACCOMPANY, "harmonise": HARMONISE, "solo": SOLO}
