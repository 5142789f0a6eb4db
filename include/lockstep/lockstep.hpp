// lockstep: everything but the layer set (nn.hpp) and the benchmark harness.
#pragma once

#include "algorithm/explain.hpp"
#include "algorithm/fuse.hpp"
#include "algorithm/map.hpp"
#include "algorithm/reduce.hpp"
#include "algorithm/scan.hpp"
#include "array/array.hpp"
#include "array/factories.hpp"
#include "device/device.hpp"
#include "expression/functions.hpp"
#include "expression/host_only.hpp"
#include "expression/views.hpp"
#include "mesh/communicator.hpp"
#include "mesh/mesh.hpp"
#include "mesh/spmd.hpp"
