#pragma once

#include <napi.h>

#include <memory>

#include "core/disk/disk.h"

namespace holdfast::js {

/// NativeDisk of src/native/addon.ts.
class DiskObject : public Napi::ObjectWrap<DiskObject>, private SizeListener {
 public:
  static Napi::Function define(Napi::Env env);
  /// `openDisk(options)`; throws.
  static Napi::Value open(const Napi::CallbackInfo& info);

  explicit DiskObject(const Napi::CallbackInfo& info);
  ~DiskObject() override { letGo(); }

  /// Null once closed. Attachments keep it alive.
  const std::shared_ptr<Disk>& disk() const { return disk_; }

 private:
  Napi::Value info(const Napi::CallbackInfo& info);
  Napi::Value refreshSize(const Napi::CallbackInfo& info);
  Napi::Value attach(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);
  bool isOpen(Napi::Env env) const;
  void sizeChanged() override;
  void letGo();

  std::shared_ptr<Disk> disk_;
  /// Empty: nobody wants to know.
  Napi::ThreadSafeFunction resized_;
};

}  // namespace holdfast::js
