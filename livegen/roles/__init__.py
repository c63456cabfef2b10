"""Roles by the name that the settings give."""

from livegen.roles.respond import RESPOND

ROLES = {"respond": RESPOND}
