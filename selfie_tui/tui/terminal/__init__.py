"""What stands between the app and the terminal: only changed cells out, stderr out of the way."""
