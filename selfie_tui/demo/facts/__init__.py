"""The facts of the demo model's world, as plain tables: one row a line, fields separated by `|`."""
