"""The page of stylecfm as a Hugging Face Space.

The limits of a shared machine, and the Space's own name.
"""

import os

from stylecfm.app import stylecfm_app

if __name__ == '__main__':
    stylecfm_app(
        host='0.0.0.0',
        port=int(os.environ.get('PORT', 7860)),
        names=os.environ.get('SPACE_HOST'),
        max_side=384,
        max_megapixels=16.0,
    )
