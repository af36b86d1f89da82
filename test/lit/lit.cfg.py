# The lit tests: folders follow the rooms of dialect/ and passes/.
import os

import lit.formats

config.name = "oriel"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = config.oriel_test_dir

config.environment["PATH"] = os.pathsep.join(
    [config.oriel_tools_dir, config.llvm_tools_dir, config.environment["PATH"]])
# Variables do not leak across CHECK-LABELs.
config.environment["FILECHECK_OPTS"] = "-enable-var-scope"
config.environment["ORIEL_FLAGS"] = ""
config.substitutions.append(("%oriel_root", config.oriel_root))
config.substitutions.append(("%python", config.python))
config.substitutions.append(("%llvm_root", config.llvm_root))
