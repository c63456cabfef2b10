"""I stop, it answers; I play again, it yields."""

from livegen.engine.turn_taking import Happening, Table, Turn

RESPOND: Table = {
    (Turn.IDLE, Happening.TOUCH): Turn.LISTENING,
    (Turn.LISTENING, Happening.PHRASE_END): Turn.ANSWERING,
    (Turn.ANSWERING, Happening.TOUCH): Turn.LISTENING,
    (Turn.ANSWERING, Happening.ANSWER_END): Turn.IDLE,
}
