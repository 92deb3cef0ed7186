"""Values to trees and back, as the annotations of their classes say."""

from detent.kernel.codec.leaves import Misfit, Reader, Writer, types_of
from detent.kernel.codec.wholes import Codec, classes_in, decode

__all__ = ["Codec", "Misfit", "Reader", "Writer", "classes_in", "decode", "types_of"]
