"""It plays by itself, for ever, until I touch a key."""

from livegen.engine.turn_taking import Happening, Table, Turn

SOLO: Table = {
    (Turn.IDLE, Happening.BEGIN): Turn.ANSWERING,
    (Turn.ANSWERING, Happening.TOUCH): Turn.LISTENING,  # and the role becomes the one that the settings name
}
