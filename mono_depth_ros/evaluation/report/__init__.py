"""The page of an evaluation, with its best and worst images."""
