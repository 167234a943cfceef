"""The reading side: pure folds and views of what the log says."""
