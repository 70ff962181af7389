"""A map: numbered rows and columns, most often layers and tokens, of which only the cells in sight are asked for."""
