"""What a sweep will cost, told before it starts."""

import click

from governance.budgets.forecasts import Forecast


def print_forecast(forecast: Forecast) -> None:
    """On the standard error, beside what a command answers."""
    for sentence in forecast.sentences:
        click.echo(f"note: {sentence}", err=True)


def forecast_document(forecast: Forecast) -> dict[str, object]:
    """The same for programs; ranges from what is likely to what is hardly exceeded."""
    usd, hours = forecast.usd, forecast.gpu_hours
    return {
        "basis": str(forecast.prediction.basis),
        "trials": forecast.trials,
        "usd": None if usd is None else [f"{amount:.6f}" for amount in usd],
        "gpu_hours": None if hours is None else list(hours),
        "affordable_trials": forecast.affordable,
    }
