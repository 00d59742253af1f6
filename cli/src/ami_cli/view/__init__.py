"""How records of our topics look to a person and to a program."""
