"""The card of a small model of notes, for tests that need no file of it."""

from livegen.model.card import Card, CodecCard, SamplingDefaults, StatePart, TrainedOn

CARD = Card(
    name="small",
    title="a small one",
    codec=CodecCard(name="notes"),
    state=(StatePart(name="h", shape=(1,), dtype="float32", fill=0),),
    matrices=((1, 1),),
    trained_on=TrainedOn(corpus="none", credit="none", licence="none"),
    command="none",
    commit="none",
    sampling=SamplingDefaults(temperature=0.5, top_p=0.9),
    longest_run=6,
)
