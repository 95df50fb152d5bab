"""Notebook 17, scaling up: fitted laws, scripts run in several processes, figures, exercises and stills."""
