// relax: tells the processor that the calling thread only looks again and again, so that its other half may run.
#pragma once

namespace lockstep {

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace lockstep
