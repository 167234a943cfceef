"""The train dispatcher: events become runs, and runs move until they end."""
