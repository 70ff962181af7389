"""Text with roles, and its styles, line breaks and widths."""
