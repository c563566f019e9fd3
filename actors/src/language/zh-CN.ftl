# Texts of the shop; the ids are the same in every language.

# The way around
nav = 导航
nav-language = 语言
nav-store = 门店
nav-payments = 交易
nav-unknown = 结果未知
nav-outbox = 待上传
skip-to-content = 跳到正文
connection-lost = 与门店主机的连接已断开，正在重连…
pages = 翻页

# The store
counters = 柜台
counter = 柜台
counter-ready = 可以收款
counter-busy = 收款中
counter-closed = 不能收款
journal-stopped = 系统存储故障，已停止收款，请联系维护人员
money-today = 今日收款
taken = 收款
refunds = 退款
unknown = 结果未知
nothing-unknown = 没有未知的交易
unsent = 待上传
nothing-unsent = 总部已确认全部记录
oldest = 最早 { $age } 前
offline-exposure = 离线受理金额
offline-of = 额度 { $total }
offline-closed = 已停止离线受理：{ $why }
links = 网络连接
link-up = 正常
link-down = 中断：请改用现金或其他方式
clock-off = 本机时钟偏差 { $seconds } 秒，请校时
head-office = 总部
outbox-online = 正常
outbox-draining = 正在补传
outbox-slow = 总部未及时确认
outbox-stuck = 连接异常，正在重建
outbox-offline = 断开：记录保存在本店，恢复后自动上传
outbox-none = 未连接总部
devices = 设备
device = 设备
device-terminal = 支付终端
device-scanner = 扫码枪
device-nfc = 读卡器
device-ready = 正常
device-starting = 启动中
device-absent = 未连接
device-mute = 无响应
device-babbling = 数据异常
device-quarantined = 故障过多，稍后重试
state = 状态
last-word = 最近响应
ago = { $age } 前
restarts = 重启次数
line = 接口

# Ages and counts
seconds = { $count } 秒
minutes = { $count } 分钟
hours = { $count } 小时
days = { $count } 天

# The counter
amount = 金额
reference = 备注
tender = 支付方式
tender-customer-code = 扫顾客付款码
tender-merchant-qr = 顾客扫码
tender-card = 银行卡
tender-any = 任意方式
take-picture = 拍付款码
cancel = 取消
next-customer = 下一位
story = 详情
welcome = 欢迎光临
qr-alt = 付款二维码
time-left = 剩余时间
speech-approved = 交易成功，{ $money }
advice-declined = 未扣款。请顾客换一种方式支付。
advice-unknown = 请勿重复收款：系统正在查询，结果会自动显示；查不到会自动撤销。
advice-reversing = 正在撤销，顾客不会被扣款。若已扣款，会自动退回。
advice-reversed = 已撤销，顾客未被扣款。可以重新收款。
advice-offline = 网络中断，已离线受理：恢复后自动扣款。可以交付商品。
advice-verifying = 请顾客在手机上输入密码确认。
advice-refused-later = 网络恢复后银行拒绝了扣款，款项未到账，请报告店长。

# Payments
payment = 交易
time = 时间
number = 序号
day = 日期
all = 全部
search = 查询
search-text = 备注或交易号
no-payments = 没有交易
older = 更早
day-before = 前一天
payment-id = 交易号
acquirer = 收单机构
acquirer-ref = 机构流水号
card-number = 卡号
refund-amount = 退款金额
refund-reason = 退款原因
refund = 退款
what-happened = 交易过程
slip = 签购单
step-opened = 开始
step-submitted = 已提交
step-charge = 请求扣款
step-query = 查询结果
step-reverse = 请求撤销
step-refund = 请求退款
step-refunded = 已退款
step-refund-refused = 退款被拒
no-answer-yet = 等待应答
state-opened = 已开始
state-collecting = 等待顾客
state-submitted = 处理中
state-verifying = 顾客确认中
state-unknown = 结果未知
state-reversing = 撤销中
state-approved = 交易成功
state-declined = 交易失败
state-cancelled = 已取消
state-reversed = 已撤销
state-approved-offline = 已离线受理
state-confirmed = 交易成功（离线后确认）
state-refused-later = 离线后被拒

# What nobody knows yet
unknown-explained = 系统会自动查询，查不到的自动撤销；这里不能“强制完成”。
age = 时长
in-doubt = 未知事项
what-next = 下一步
asked-so-far = 已查询
last-answer = 最近应答
asked = 查询 { $queries } 次，撤销 { $reversals } 次
doubt-outcome = 是否成功
doubt-late = 结束后到账，正在退回
doubt-refund = 退款是否成功
doubt-twice = 是否重复支付
doubt-offline = 离线受理待扣款
next-wait-customer = 等待顾客
next-wait-acquirer = 等待应答
next-ask = 再次查询
next-reverse = 撤销
next-refund = 退款
next-wait-replacement = 等待另一笔交易
next-forward = 恢复后扣款

# The outbox
records = 记录总数
record = 记录
confirmed-by-head-office = 总部已确认
rebuilds = 重建连接次数
parked = 搁置的记录
nothing-parked = 没有搁置的记录
parked-explained = 这些记录无法按原样上传，其余记录不受影响。
why = 原因

# Counts
unknown-count = { $count } 笔交易结果未知
payments-count = { $count } 笔
parked-count = { $count } 条记录被搁置
