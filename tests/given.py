"""What the person who runs the tests has set, before it is taken away from them."""

import os

ENVIRONMENT = dict(os.environ)
