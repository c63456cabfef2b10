"""Each note I play is answered at once by the other voices; when I let go, so do they."""

from livegen.engine.turn_taking import Happening, Table, Turn

HARMONISE: Table = {
    (Turn.IDLE, Happening.TOUCH): Turn.TOGETHER,
    (Turn.TOGETHER, Happening.SILENCE): Turn.IDLE,
}
