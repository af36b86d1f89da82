// File: thread_setting.h
//
// The setting num_threads as it is now, without a lock or a copy: calls ask.
#ifndef ORIEL_CORE_THREAD_SETTING_H_
#define ORIEL_CORE_THREAD_SETTING_H_

namespace oriel {

// 0: not set.
int CurrentNumThreads();

}  // namespace oriel

#endif  // ORIEL_CORE_THREAD_SETTING_H_
