"""What all tests share: examples are the same in every run, and take as long as they take."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "detent",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("detent")
