"""The ear for metre: what music in each metre is like, counted, and how much each kind of evidence weighs, fitted."""
