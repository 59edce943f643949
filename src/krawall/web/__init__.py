"""Pages: HTML written in Python, over the same services as the API. `mount(api)` adds them."""

from krawall.web.site import mount

__all__ = ["mount"]
