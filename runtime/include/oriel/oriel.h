// File: oriel.h
//
// All of Oriel: expressions, compile(), functions, reports.
#ifndef ORIEL_ORIEL_H_
#define ORIEL_ORIEL_H_

#include "oriel/compile_report.h"
#include "oriel/compose.h"
#include "oriel/config.h"
#include "oriel/dim.h"
#include "oriel/dtype.h"
#include "oriel/errors.h"
#include "oriel/function.h"
#include "oriel/grad.h"
#include "oriel/input_cast.h"
#include "oriel/nnet.h"
#include "oriel/node_table.h"
#include "oriel/npy.h"
#include "oriel/printing.h"
#include "oriel/profile.h"
#include "oriel/safetensors.h"
#include "oriel/states_io.h"
#include "oriel/substitute.h"
#include "oriel/random.h"
#include "oriel/scan.h"
#include "oriel/subtensor.h"
#include "oriel/taps.h"
#include "oriel/tensor.h"
#include "oriel/test_value.h"
#include "oriel/value.h"

#endif  // ORIEL_ORIEL_H_
