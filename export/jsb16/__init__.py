"""The benchmark on the 382 chorales at sixteenths: its data, network, training, evaluation, harmonisation."""
