"""What trials share: the memory of the card or of the machine, and who reserves how much of it.

Start with `packing.py`, which predicts and reserves; `device.py` reads what is free.
"""
