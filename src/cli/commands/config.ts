import {
  deviceAdd,
  deviceGet,
  deviceList,
  deviceOverride,
  deviceRemove,
  deviceSet,
  deviceShow,
  deviceUnset,
} from '../devices.ts';
import { configDevices, configGroup } from '../groups.ts';
import { editCommand, getCommand, setCommand, showCommand, unsetCommand } from '../keyed.ts';

export const get = getCommand(configGroup);
export const set = setCommand(configGroup);
export const unset = unsetCommand(configGroup);
export const show = showCommand(configGroup);
export const edit = editCommand(configGroup);

export const device = {
  list: deviceList(configDevices),
  show: deviceShow(configDevices),
  get: deviceGet(configDevices),
  set: deviceSet(configDevices),
  unset: deviceUnset(configDevices),
  add: deviceAdd(configDevices),
  remove: deviceRemove(configDevices),
  override: deviceOverride(configDevices),
} as const;
