"""Whether the published NaFlex towers resize their positions to a single column as they should.

Up to 5.23 transformers calls `F.interpolate`, which errs there: for very tall images these towers are no measure.
"""

import transformers
from packaging.version import Version

PUBLISHED_ERRS = Version(transformers.__version__) < Version("5.24")
REASON = "this version of transformers resizes positions wrongly where an image is one column of patches wide"
