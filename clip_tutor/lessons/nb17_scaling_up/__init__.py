"""Notebook 17, scaling up: fitted laws, a ladder of runs, scripts run in several processes, figures, exercises."""
