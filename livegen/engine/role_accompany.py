"""It goes on playing while I play, and listens; when I have been silent for long, so is it."""

from livegen.engine.turn_taking import Happening, Table, Turn

ACCOMPANY: Table = {
    (Turn.IDLE, Happening.TOUCH): Turn.TOGETHER,
    (Turn.TOGETHER, Happening.SILENCE): Turn.IDLE,
}
